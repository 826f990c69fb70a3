setsid -w sh -c '[ "$(ps -o pgid= -p $$ | tr -d " ")" = "$$" ] && echo leader; [ "$(ps -o sid= -p $$ | tr -d " ")" = "$$" ] && echo session'
