seq 3 | while read -r y; do id -u; echo $y; done; seq 3 | grep . | while read -r y; do sh -c "exit 0"; [ -f /etc/hostname ] && echo "<$y>"; done; seq 3 | if read -r x; then echo "first $x"; cat; fi
