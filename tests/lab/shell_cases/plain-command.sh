mkdir -p 'd/a b'; cd d; [ "$(sh -c pwd)" = "$PWD" ] && [ "$(sh -c 'exec env')" ] && echo same
sh -c "exec ls -d '/etc'"; sh -c "stat -c %F 'a b'"; sh -c "basename '/x/it'\"'\"'s'"; sh -c 'ls -d /no* /etc' 2>/dev/null
sh -c 'false'; echo $?; sh -c 'exec false'; echo $?; sh -c 'exec missing-program' 2>/dev/null; echo $?; sh -c "sh -c 'exit 4'"; echo $?
[ "$(sh -c env | grep ^PWD=)" = "PWD=$PWD" ] && echo told; X=1 sh -c 'env' | grep ^X; X=1 sh -c 'exec env -i X=2 env'
echo in | sh -c 'cat'; echo in | sh -c 'exec head -n 1'; sh -c 'yes' | head -n 1; printf 'ls -d /usr\n' | sh -c 'exec sh'
sh -c 'timeout 5 sh -c '"'"'echo deep'"'"; sh -c ' uname  -s '
