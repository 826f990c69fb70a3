which cat; which nothing-here; echo $?
