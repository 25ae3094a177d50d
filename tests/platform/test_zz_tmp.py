import pytest
pytest.skip("no nginx", allow_module_level=True)
