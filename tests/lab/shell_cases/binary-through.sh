printf '\377\000\001' | wc -c; printf '\377\000a' | od -An -tx1; printf '\303\244' > f; wc -c < f; cat f f | od -An -tx1
