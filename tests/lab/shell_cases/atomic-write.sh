d=$(mktemp -d ./w.XXXXXX)
trap 'rm -rf "$d"' EXIT
(umask 077 && cat > "$d/new") <<E
secret
E
stat -c %a "$d/new"
mv -f "$d/new" target
stat -c "%a %s" target
