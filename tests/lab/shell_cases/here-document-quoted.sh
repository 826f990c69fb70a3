cat <<'E'
$x `id` \n
E
