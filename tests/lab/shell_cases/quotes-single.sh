echo 'a  b' 'c$d' '\n'
