mkdir -p a/b; touch a/b/f; ln -s a/b s; cd a; realpath ../s/f | sed "s,.*/a,a,"; realpath b/../b/f | sed "s,.*/a/,,"; realpath missing/x 2>/dev/null; echo $?
