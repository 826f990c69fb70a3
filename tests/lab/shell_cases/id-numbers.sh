id -u; id -un; id -g; id -gn; whoami; id -ru; [ "$(id -u)" -eq 0 ] && echo root
