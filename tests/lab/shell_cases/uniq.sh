printf 'a\na\nb\na\n' | uniq; printf 'a\na\nb\n' | uniq -c | tr -s ' '; printf 'a\na\nb\n' | uniq -d
