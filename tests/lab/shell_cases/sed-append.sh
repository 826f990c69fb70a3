printf 'x\n' | sed 'a after'; printf 'x\n' | sed 'i before'; printf 'a b\n' | sed 's/ /\n/'
