touch f; mkdir d; ln -s f l; ln -s gone g; for o in -e -f -d -h -s; do for n in f d l g none; do [ $o $n ] && echo "$o $n"; done; done
