umask 077; sh -c "umask; touch f"; stat -c %a f
