seq 3 | (id -u; cat); seq 3 | { stat -c %a /; sed s/^/x/; }; seq 3 | { sh -c :; cat; }; echo a | { ls /nowhere 2>/dev/null; cat; }
