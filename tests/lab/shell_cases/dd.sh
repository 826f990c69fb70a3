printf abcdef > f; dd if=f bs=2 count=2 2>/dev/null; echo; dd if=f of=g 2>/dev/null; cat g; echo; printf xyz | dd bs=1 skip=1 2>/dev/null; echo
