f=/tmp/x.$$; [ "$f" = "/tmp/x.$$" ] && echo eq; echo '$$' "\$\$"; trap 'echo pid-ok-'"$(expr $$ = $$)" EXIT
