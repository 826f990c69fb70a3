for w in abc a1 .x "" "[a]"; do case $w in a[0-9]) echo digit;; a*) echo a;; .*|"") echo dot-or-empty;; *) echo other;; esac; done
