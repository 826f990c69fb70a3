f() { id -u; while read -r x; do echo "[$x]"; done; }; seq 2 | f; g() { basename x >/dev/null; }; seq 3 | while read -r y; do g; echo $y; done
