touch a.x b.x; p="*.x"; echo $p "$p"
