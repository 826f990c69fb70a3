x="a  b c"; set -- $x; echo $#; set -- "$x"; echo $#
