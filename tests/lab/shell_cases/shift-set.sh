set -- a b c; shift 2; echo $# $1; set --; echo $#
