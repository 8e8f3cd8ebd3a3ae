from typing import Any

# Any, because what ffi.new gives has the fields of a C struct, which types-cffi cannot know.
ffi: Any
lib: Any
