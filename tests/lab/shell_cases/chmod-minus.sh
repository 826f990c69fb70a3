touch f; chmod 777 f; chmod -x f; stat -c %a f; chmod -- -w f; stat -c %a f
