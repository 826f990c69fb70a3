touch a; set -f; echo *; set +f; echo *
