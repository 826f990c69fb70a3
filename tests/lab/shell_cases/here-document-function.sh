f() { cat <<E
$1
E
}; f hello
