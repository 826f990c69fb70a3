f=/a/b/c.tar.gz; echo ${f%.*} ${f%%.*} ${f#*/} ${f##*/} ${#f}
