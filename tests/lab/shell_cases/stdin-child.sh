echo payload | sh -c "cat"; echo payload | sh -c "read x; echo got \$x"; echo payload | (cat)
