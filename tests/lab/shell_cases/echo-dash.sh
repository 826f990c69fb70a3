echo -e x; echo -- y; echo "$@" end
