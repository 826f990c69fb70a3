HOME=/h; echo ~ ~/x "~" a~; cd /; ls -d ~root
