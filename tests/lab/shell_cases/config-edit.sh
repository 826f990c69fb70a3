mkdir -p etc/conf.d
cat > etc/conf.d/a.yaml <<EOF
server: https://h:6443
token-file: /t
EOF
for f in etc/conf.d/*.yaml; do
  [ -e "$f" ] || continue
  while IFS=": " read -r k v; do
    case $k in token*) v="***" ;; esac
    printf "%-12s= %s\n" "$k" "$v"
  done < "$f"
done
