mkdir -p d/e; touch d/f d/e/g; chmod -R u=rwX,go= d; stat -c "%a %n" d d/f d/e d/e/g
