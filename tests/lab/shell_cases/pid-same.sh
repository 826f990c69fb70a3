[ "$$" = "$(echo $$)" ] && echo same; (echo $$) | { read -r p; [ "$p" = "$$" ] && echo sub; }
