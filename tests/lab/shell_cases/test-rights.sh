touch f; chmod 755 f; [ -x f ] && echo x; chmod 644 f; [ -x f ] || echo not; [ -r f ] && [ -w f ] && echo rw
