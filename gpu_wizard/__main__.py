"""`python -m gpu_wizard`."""

from gpu_wizard.cli import run

if __name__ == "__main__":
    run()
