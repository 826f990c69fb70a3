touch f; for m in 644 u+x go-r a=r u=rwx,g=rx,o= +x g=u o+w,u-w; do chmod $m f; stat -c "$m %a" f; done
