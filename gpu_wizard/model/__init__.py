"""The words of the program: frozen data and protocols, standard library only, no I/O."""
