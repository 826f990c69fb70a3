sh -c 'echo $0 $1 $#' name arg; echo "echo \$0 \$1" > s; sh s one; sh ./s two
