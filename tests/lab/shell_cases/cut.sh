printf 'a:b:c\nd:e:f\n' | cut -d: -f1,3; echo hello | cut -c2-4; printf 'x\n' | cut -d: -f2
