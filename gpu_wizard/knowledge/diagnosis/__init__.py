"""Known error text to cause to cure: the catalogue's form, the scan, the ranking. Pure, standard library only."""
