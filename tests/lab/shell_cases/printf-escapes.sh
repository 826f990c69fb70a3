printf 'a\tb\n\101\n'; printf '%b' 'x\ny\n'; printf '%s\n' 'x\ny'
