printf "hello world" | base64; printf aGVsbG8= | base64 -d; echo; head -c 60 /dev/zero | base64 -w 0; echo
