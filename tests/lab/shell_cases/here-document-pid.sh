cat <<E | grep -c "^[0-9][0-9]*$"
$$
E
