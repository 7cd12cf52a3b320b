package drivers

import (
	_ "github.com/storagesnap/storagesnap/drivers/local" // image files
)
