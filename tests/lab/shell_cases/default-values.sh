unset x; y=; echo ${x-d} ${y-d} ${x:-d} ${y:-d} ${x:=set} $x ${y:+alt}.
