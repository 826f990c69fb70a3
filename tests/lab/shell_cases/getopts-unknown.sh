set -- -x; while getopts ":a" o; do echo "$o $OPTARG"; done
