(: ${nope:?gone}) 2>/dev/null; echo $?
