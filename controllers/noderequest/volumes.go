package noderequest

import (
	corev1 "k8s.io/api/core/v1"

	gozer "github.com/gozer-dev/gozer/api/v1alpha1"
)

// volumesOf a label. Only these kinds can be asked for: none leads to the machine
// or to a Secret.
func volumesOf(l gozer.NodeLabel) []corev1.Volume {
	var out []corev1.Volume
	for _, v := range l.Volumes {
		to := corev1.Volume{Name: v.Name}
		switch {
		case v.EmptyDir != nil:
			to.EmptyDir = &corev1.EmptyDirVolumeSource{SizeLimit: &v.EmptyDir.SizeLimit, Medium: v.EmptyDir.Medium}
		case v.ConfigMap != nil:
			to.ConfigMap = &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: v.ConfigMap.Name}}
		case v.PersistentVolumeClaim != nil:
			to.PersistentVolumeClaim = &corev1.PersistentVolumeClaimVolumeSource{ClaimName: v.PersistentVolumeClaim.ClaimName, ReadOnly: !v.PersistentVolumeClaim.Writable}
		}
		out = append(out, to)
	}
	return out
}

func mountsOf(l gozer.NodeLabel) []corev1.VolumeMount {
	var out []corev1.VolumeMount
	for _, m := range l.VolumeMounts {
		out = append(out, corev1.VolumeMount{Name: m.Name, MountPath: m.MountPath, SubPath: m.SubPath, ReadOnly: m.ReadOnly || readOnly(l, m.Name)})
	}
	return out
}

// readOnly says whether a volume is: a claim that may not be written to.
func readOnly(l gozer.NodeLabel, volume string) bool {
	for _, v := range l.Volumes {
		if v.Name == volume && v.PersistentVolumeClaim != nil {
			return !v.PersistentVolumeClaim.Writable
		}
	}
	return false
}
