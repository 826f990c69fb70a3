printf hello > f; chmod 640 f; stat -c "%a %A %s %n %F %u" f; mkdir -m 2750 d; stat -c "%a %A %F" d; ln -s f l; stat -c "%F %N" l | tr -d "'"; stat -L -c %F l
