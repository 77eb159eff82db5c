//! The choice of a device: `auto`, `cpu`, `cuda`, `cuda:N` or `metal`.

use std::{fmt, str::FromStr};

use candle_core::{
    Device,
    utils::{cuda_is_available, metal_is_available},
};

use crate::{Error, Result};

/// Where tensors live, as a user writes it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeviceChoice {
    /// The first of CUDA, Metal and the CPU that this build and this machine have.
    #[default]
    Auto,
    /// The CPU.
    Cpu,
    /// The CUDA device with this number, from 0.
    Cuda(usize),
    /// The first Metal device.
    Metal,
}

impl DeviceChoice {
    /// Opens the device.
    ///
    /// # Errors
    /// If the device is not compiled in (the message names the feature to pass) or cannot be opened.
    pub fn open(self) -> Result<Device> {
        match self {
            Self::Auto => Ok(Self::Cuda(0)
                .open()
                .or_else(|_| Self::Metal.open())
                .unwrap_or(Device::Cpu)),
            Self::Cpu => Ok(Device::Cpu),
            Self::Cuda(_) if !cuda_is_available() => Err(self.not_compiled("cuda")),
            Self::Cuda(number) => Device::new_cuda(number).map_err(|error| self.refused(&error)),
            Self::Metal if !metal_is_available() => Err(self.not_compiled("metal")),
            Self::Metal => Device::new_metal(0).map_err(|error| self.refused(&error)),
        }
    }

    fn not_compiled(self, feature: &str) -> Error {
        Error::Device(format!(
            "device `{self}` is not compiled in: build with `--features {feature}`"
        ))
    }

    fn refused(self, error: &candle_core::Error) -> Error {
        Error::Device(format!("device `{self}` cannot be opened: {error}"))
    }
}

impl FromStr for DeviceChoice {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "auto" => Ok(Self::Auto),
            "cpu" => Ok(Self::Cpu),
            "cuda" => Ok(Self::Cuda(0)),
            "metal" => Ok(Self::Metal),
            _ => text
                .strip_prefix("cuda:")
                .and_then(|number| number.parse().ok())
                .map(Self::Cuda)
                .ok_or_else(|| {
                    Error::Device(format!(
                        "unknown device `{text}`, expected auto, cpu, cuda, cuda:N or metal"
                    ))
                }),
        }
    }
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda(number) => write!(f, "cuda:{number}"),
            Self::Metal => f.write_str("metal"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_choice_reads_back_as_it_is_written() {
        use DeviceChoice::{Auto, Cpu, Cuda, Metal};
        for choice in [Auto, Cpu, Cuda(0), Cuda(3), Metal] {
            let read: DeviceChoice = choice.to_string().parse().unwrap();
            assert_eq!(read, choice);
        }
        assert_eq!("cuda".parse::<DeviceChoice>().unwrap(), Cuda(0));
    }

    #[test]
    fn an_unknown_device_is_refused_with_the_list_of_those_known() {
        for text in ["gpu", "", "cuda:", "cuda:x", "cuda:-1", "CPU"] {
            let message = text.parse::<DeviceChoice>().unwrap_err().to_string();
            assert_eq!(
                message,
                format!("unknown device `{text}`, expected auto, cpu, cuda, cuda:N or metal")
            );
        }
    }

    #[test]
    fn the_cpu_opens_and_auto_opens_something() {
        assert!(DeviceChoice::Cpu.open().unwrap().is_cpu());
        DeviceChoice::Auto.open().unwrap();
    }

    #[cfg(not(feature = "cuda"))]
    #[test]
    fn a_device_that_is_not_compiled_in_names_its_feature() {
        let message = DeviceChoice::Cuda(1).open().unwrap_err().to_string();
        assert_eq!(
            message,
            "device `cuda:1` is not compiled in: build with `--features cuda`"
        );
    }
}
