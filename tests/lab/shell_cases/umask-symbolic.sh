umask 022; umask -S; umask g-rx,o=; umask; touch f; stat -c %a f
